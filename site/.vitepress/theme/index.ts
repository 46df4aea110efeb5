/** The default theme, with formulas and figures that the library computes in the reader's browser. */
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme";
import LiveFigure from "./LiveFigure.vue";
// After the theme's own, which they change.
import "katex/dist/katex.min.css";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("LiveFigure", LiveFigure);
  },
} satisfies Theme;
