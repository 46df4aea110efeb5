/** The documentation site: pages by hand, the papers' equations from the registry, light and dark, with a search of its own. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { formulas } from "../../scripts/site/formulas.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const site = `${root}site/`;

/** @type {{ version: string, exports: Record<string, string | { default: string }> }} */
const { version, exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

/** The library, as its package exports it. */
const library = Object.entries(exports).flatMap(([path, entry]) =>
  typeof entry === "string"
    ? []
    : [{ find: new RegExp(`^neural-memory${path.slice(1)}$`), replacement: root + entry.default.slice(2) }],
);

/** The search index is made of text alone. */
let indexing = false;

/**
 * A page as an entry of the side bar; its title is the page's first heading.
 *
 * @param {string} path from the root of the site, without its ending
 * @param {string} [text] another title
 */
function entry(path, text) {
  const file = [`${site}${path}.md`, `${site}generated/pages/${path}.md`].find(existsSync);
  if (file === undefined) return [];
  const heading = /^# (.+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? path;
  return [{ text: text ?? heading.replaceAll("`", ""), link: `/${path.replace(/index$/, "")}` }];
}

/**
 * Pages of a folder: those that are named first, then any others.
 *
 * @param {string} folder
 * @param {readonly string[]} order
 */
function entries(folder, order) {
  const found = globSync("*.md", { cwd: site + folder }).map((name) => name.replace(/\.md$/, ""));
  const others = found.filter((name) => !order.includes(name)).sort();
  return [...order, ...others].flatMap((name) => entry(`${folder}/${name}`));
}

const concepts = entries("concepts", ["sequence-segment-chunk", "memory-as-optimisation"]);
const guides = entries("guides", [
  "use-the-layer",
  "train-on-your-text",
  "keep-a-memory",
  "export-to-onnx",
  "choose-an-engine",
  "stability",
  "from-pytorch",
]);
const papers = [
  { text: "Titans", link: "/titans" },
  { text: "MIRAS", link: "/miras" },
  { text: "Nested Learning", link: "/nested-learning" },
];
const api = { text: "API", link: "/api/index.html", target: "_self" };

/**
 * A menu of the navigation bar, where it has entries.
 *
 * @param {string} text
 * @param {readonly { text: string, link: string }[]} items
 */
function menu(text, items) {
  return items.length === 0 ? [] : [{ text, items }];
}

/** @type {import("vitepress").UserConfig<import("vitepress").DefaultTheme.Config>} */
export default {
  title: "neural-memory",
  description:
    "Memory that learns at test time: Titans, MIRAS and Nested Learning, every equation implemented, named and tested.",
  lang: "en",
  outDir: "../docs/site",
  cacheDir: "../node_modules/.cache/vitepress",
  srcExclude: ["generated/equations/**"],
  rewrites: { "generated/pages/:page*": ":page*" },
  // These are put beside the pages when they are built; every link is followed then.
  ignoreDeadLinks: [/^\/(api|source|results|examples|notebooks)\/.+\.[a-z]+(#.*)?$/],
  markdown: {
    theme: { light: "github-light", dark: "github-dark" },
    config: formulas({ output: "htmlAndMathml", shown: () => !indexing }),
  },
  vite: {
    resolve: { alias: library },
    // The library starts its engine while its modules load.
    build: { target: "es2022", chunkSizeWarningLimit: 2000 },
  },
  themeConfig: {
    nav: [
      ...entry("quick-start", "Quick start"),
      ...menu("Concepts", concepts),
      ...papers,
      ...menu("Guides", guides),
      api,
      ...entry("results/index", "Results"),
      ...entry("features", "Features"),
    ],
    sidebar: [
      ...menu("Start", [...entry("quick-start", "Quick start"), ...entry("features", "Features")]),
      ...menu("Concepts", concepts),
      { text: "Papers", items: papers },
      ...menu("Guides", guides),
      {
        text: "Reference",
        items: [
          api,
          ...entry("results/index", "Results"),
          ...entry("architecture", "Architecture"),
          ...entry("contributing", "Contributing"),
          ...entry("changelog", "Changes"),
        ],
      },
    ],
    outline: [2, 3],
    search: {
      provider: "local",
      options: {
        _render(source, env, parser) {
          indexing = true;
          try {
            return parser.render(source, env);
          } finally {
            indexing = false;
          }
        },
      },
    },
    footer: { message: `neural-memory ${version}, MIT licence` },
  },
};
