/** What the documentation site is made with: links, pages of equations, and the check of what is documented. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type AtlasEntry, paperMarkdown } from "../../scripts/site/atlas-pages.mjs";
import { checkLinks } from "../../scripts/site/check-links.mjs";
import { forSite } from "../../scripts/site/links.mjs";
import { writeSourcePages } from "../../scripts/site/source-pages.mjs";
import { fixture, root, runNode } from "./fixture.ts";

test("a page, a file and an anchor that are not there are dead links; addresses elsewhere are not asked", () => {
  const folder = fixture({
    "site/index.html": `<a href="/papers/titans.html#eq-1">1</a> <a href="papers/">2</a> <a href="#here">3</a> <p id="here"></p>
      <a href="https://nowhere.invalid/">4</a> <a href="/papers/titans.html#eq-2">5</a> <a href="gone.html">6</a> <img src="/papers/gone.svg">`,
    "site/papers/index.html": `<a href="../index.html#here">1</a>`,
    "site/papers/titans.html": `<h3 id="eq-1">Eq. 1</h3>`,
  });
  const { followed, dead } = checkLinks(join(folder, "site"));
  expect(followed).toBe(4);
  expect(dead).toEqual([
    "index.html links to /papers/gone.svg: there is no such file",
    "index.html links to /papers/titans.html#eq-2: the page has no such anchor",
    "index.html links to gone.html: there is no such file",
  ]);
});

test("links of the repository's Markdown lead to the site's pages, or are text where it has none", () => {
  const markdown =
    "[a](README.md#two) [b](../src/titans/gates.ts) [c](optimizers/optimizers.html) [d](../site/guides/stability.md) [e](../LICENSE) [f](https://x.org)";
  expect(forSite("results/README.md", markdown)).toBe(
    '[a](/results/#two) [b](/source/src/titans/gates.ts.html){target="_self"} [c](/results/optimizers/optimizers.html){target="_self"} [d](/guides/stability) e [f](https://x.org)',
  );
});

test("an equation's entry has its anchor, formula, erratum, the places of its code and its tests", () => {
  const entry: AtlasEntry = {
    paper: "titans",
    id: "14",
    kind: "equation",
    number: 14,
    title: "Surprise of {{names}} < 1.",
    section: "3.1",
    formula: "S_t",
    status: "implemented",
    reason: null,
    erratum: "A sign.",
    symbols: [
      {
        symbol: "step",
        title: "A step.",
        formula: null,
        file: "src/titans/a.ts",
        line: 7,
        entryPoint: "neural-memory/titans",
      },
    ],
    tests: [{ file: "tests/a.test.ts", title: "Titans Eq. 14: step costs $1" }],
  };
  const page = paperMarkdown([entry], ({ symbol }) => `/api/${symbol}.html`);
  expect(page).toContain("## Section 3.1 {#section-3-1}");
  expect(page).toMatch(/^### Eq\. 14 .*\{#eq-14\}$/m);
  expect(page).toContain("$$\nS_t\n$$");
  expect(page).toContain("::: warning In print\nA sign.\n:::");
  expect(page).toContain('[`step`](/api/step.html){target="_self"} from `neural-memory/titans`');
  expect(page).toContain("[titans/a.ts:7](/source/src/titans/a.ts.html#L7)");
  expect(page).toContain('<a href="/source/tests/a.test.ts.html"');
  expect(page, "what Vue would take for its own").not.toMatch(/\{\{|names\}\} </);
});

test("code has a page with an anchor a line, and all of its text", () => {
  const code = `/** two\n lines */\nexport const x = \`a \${1 + 2} < b\`;\n`;
  const folder = fixture({ "src/x.ts": code });
  writeSourcePages(folder, join(folder, "site"), ["src/x.ts"]);
  const html = readFileSync(join(folder, "site/src/x.ts.html"), "utf8");
  expect(html.match(/id="L\d+"/g)).toEqual(['id="L1"', 'id="L2"', 'id="L3"']);
  const shown = html
    .slice(html.indexOf("<pre>"))
    .replaceAll(/<\/span>/g, "\n")
    .replaceAll(/<[^>]+>/g, "");
  expect(shown.replaceAll("&lt;", "<").trim()).toBe(code.trim());
});

describe("the check of what is documented", () => {
  /** TypeDoc with the check, on one file. */
  function documented(code: string) {
    const folder = fixture({
      "src/index.ts": `export interface Tensor { readonly shape: readonly number[] }\nexport class ShapeError extends Error {}\n${code}`,
      "tsconfig.json": '{ "compilerOptions": { "strict": true, "lib": ["es2022"], "types": [] }, "include": ["src"] }',
    });
    const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
    const plugin = join(root, "scripts/typedoc/documented.mjs");
    const options = [
      "--plugin",
      plugin,
      "--disableGit",
      "--sourceLinkTemplate",
      "{path}",
      "--treatValidationWarningsAsErrors",
    ];
    const run = runNode(folder, [typedoc, "--entryPoints", "src/index.ts", ...options, "--out", "docs"], {
      NO_COLOR: "1",
    });
    return { passed: run.code === 0 && existsSync(join(folder, "docs/index.html")), said: run.stdout + run.stderr };
  }

  test("wants shapes where there are tensors, and the errors that a function and its helpers throw", () => {
    const { passed, said } = documented(`
      /** Adds. */
      export function add(a: Tensor, b: readonly Tensor[]): number { return check(a) + b.length; }
      function check(a: Tensor): number { if (a.shape.length > 1) throw new ShapeError("no"); return 1; }`);
    expect(passed).toBe(false);
    expect(said).toContain(
      "add (src/index.ts:5) takes or returns tensors, and its documentation says nothing of their shapes",
    );
    expect(said).toContain("add (src/index.ts:5) throws ShapeError; say when in @throws");
  });

  test("is content with what says it", () => {
    const { passed, said } = documented(`
      /**
       * Adds.
       *
       * @param a [dim]
       * @throws ShapeError if it is a matrix
       */
      export function add(a: Tensor): number { if (a.shape.length > 1) throw new ShapeError("no"); return 1; }`);
    expect([passed, said]).toEqual([true, expect.not.stringContaining("add (")]);
  });
});
