/** Where the code of a replica lies: beside this module once it is built. */
export const replicaEntry = new URL("./replica.js", import.meta.url);
