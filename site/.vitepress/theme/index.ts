/** The default theme, with formulas and figures that the library computes in the reader's browser. */
import "katex/dist/katex.min.css";
import "./style.css";
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme";
import LiveFigure from "./LiveFigure.vue";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("LiveFigure", LiveFigure);
  },
} satisfies Theme;
