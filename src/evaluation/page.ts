/** The page around a report: one HTML document that needs nothing else. */
import { Html, type HtmlValue, html } from "./html.ts";
import { reportStyle } from "./report-style.ts";

/**
 * A document with the style inside, no scripts, nothing loaded from anywhere.
 *
 * @param title the browser's
 * @param sections what it says
 */
export function renderPage(title: string, sections: HtmlValue): string {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(reportStyle)}</style>
</head>
<body>
<main>
${sections}
</main>
</body>
</html>
`;
  return document.markup;
}
