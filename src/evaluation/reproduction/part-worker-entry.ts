/** Where the code of a part's process lies: beside this module once it is built. */
export const partWorkerEntry = new URL("./part-worker.js", import.meta.url);
