/** Which room of src may import which, and what may be imported from outside. */
import { builtinModules } from "node:module";

/** @type {Record<string, string[]>} every room with the rooms it may import */
const rooms = {};
/**
 * @param {string} room
 * @param {string[]} below the rooms directly below it; it may also import what they may
 */
function room(room, ...below) {
  rooms[room] = [...new Set(below.flatMap((other) => [other, ...(rooms[other] ?? [])]))];
}
room("utils");
room("array", "utils");
room("data", "array");
room("optim", "array");
room("common", "optim");
room("titans", "common");
room("miras", "common");
room("nl", "titans", "miras");
room("models", "nl");
room("training", "models", "data");
room("inference", "models", "data");
room("evaluation", "training", "inference");
room("cli", "evaluation");

const browserRooms = ["array", "optim", "common", "titans", "miras", "nl", "models", "utils"];
const optionalDependencyRooms = ["array/native", "data", "evaluation", "cli"];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(rooms).map(([name, below]) => ({
      name: `room-${name}`,
      comment: `${name} may import ${below.length > 0 ? below.join(", ") : "no other room"}`,
      severity: /** @type {const} */ ("error"),
      from: { path: `^src/${name}/` },
      to: { path: "^src/", pathNot: `^src/(${[name, ...below].join("|")})/` },
    })),
    {
      name: "known-rooms",
      comment: "a folder of src that has no place in the order of the rooms",
      severity: "error",
      from: {},
      to: { path: "^src/[^/]+/", pathNot: `^src/(${Object.keys(rooms).join("|")})/` },
    },
    {
      name: "array-library",
      comment: "only the array room imports the array library",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/array/" },
      to: { path: "(^|/)@jax-js/" },
    },
    {
      name: "no-cycles",
      comment: "no file may import itself through others",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "browser-entry-points",
      comment: "what browsers import must not reach a module of Node",
      severity: "error",
      from: { path: `^src/((${browserRooms.join("|")})/)?index\\.ts$` },
      to: { path: `^(node:)?(${builtinModules.join("|")})$`, reachable: true },
    },
    {
      name: "optional-dependencies",
      comment: `a package that may be absent is imported only in ${optionalDependencyRooms.join(", ")}`,
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(${optionalDependencyRooms.join("|")})/` },
      to: { dependencyTypes: ["npm-optional"] },
    },
    {
      name: "declared-dependencies",
      comment: "users of the package get only what package.json declares as a dependency",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "resolvable",
      comment: "nothing is there under this name",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "default", "types"] },
  },
};
