/** Where the code of a run's process lies: beside this module once it is built. */
export const runWorkerEntry = new URL("./run-worker.js", import.meta.url);
