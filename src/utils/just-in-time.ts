/**
 * @internal A flag of Node with which V8 optimises a function only after it has run for longer.
 *
 * Preparing a program runs much code for about a second and never again. By default V8 spends several seconds of processor time on optimising it meanwhile, in threads that compete with those that prepare.
 */
export const optimizeLater = "--interrupt-budget=3000000";
