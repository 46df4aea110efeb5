/** The whole library but its Node-only rooms (`neural-memory/data`, `/training`, `/inference`, `/evaluation`). */
export * from "./array/index.ts";
export * from "./common/index.ts";
export * from "./miras/index.ts";
export * from "./models/index.ts";
export * from "./nl/index.ts";
export * from "./optim/index.ts";
export * from "./titans/index.ts";
export * from "./utils/index.ts";
