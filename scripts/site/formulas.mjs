/** Formulas for Markdown: KaTeX, and a failing exit code if there was one that it cannot read. */
import plugin from "@vscode/markdown-it-katex";
import katex from "katex";

/** A formula that cannot be read is only logged by the plugin, so it is counted here. */
let unreadable = 0;
process.on("exit", () => {
  if (unreadable > 0) process.exitCode = 1;
});

/**
 * A plugin for markdown-it.
 *
 * @param {{ output: "mathml" | "htmlAndMathml", shown?: () => boolean }} options what is written, and whether formulas are shown at the moment
 * @returns {(parser: any) => void}
 */
export function formulas({ output, shown = () => true }) {
  const renderer = {
    /** @type {typeof katex.renderToString} */
    renderToString(formula, options) {
      if (!shown()) return "";
      try {
        const html = katex.renderToString(formula, { ...options, throwOnError: true, output });
        // Two braces that follow each other would be a template's to Vue.
        return html.replaceAll("{{", "{&#8203;{").replaceAll("}}", "}&#8203;}");
      } catch (error) {
        unreadable++;
        console.error(`unreadable formula: ${formula}`);
        throw error;
      }
    },
  };
  return (parser) => parser.use(plugin.default ?? plugin, { katex: renderer });
}
