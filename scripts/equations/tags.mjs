/** The papers, and the one spelling in which docstrings and test titles name their equations. */

/**
 * Their equation counts are the only fact about equations that is not read from the source.
 *
 * @type {Record<Paper, { source: string, tag: string, equations: number }>}
 */
export const papers = {
  titans: { source: "Titans (arXiv:2501.00663)", tag: "Titans", equations: 35 },
  miras: { source: "MIRAS (arXiv:2504.13173)", tag: "MIRAS", equations: 32 },
  nl: { source: "Nested Learning (arXiv:2512.24695)", tag: "NL", equations: 121 },
};

/**
 * @typedef {"titans" | "miras" | "nl"} Paper
 * @typedef {{ paper: Paper, number: number }} Equation
 * @typedef {{ equations: Equation[], problems: string[] }} Tag equations named, and what is wrong with the way they are named
 */

const numbers = String.raw`\d+(?:-\d+)?(?:, \d+(?:-\d+)?)*`;
const titleTag = new RegExp(String.raw`\b(Titans|MIRAS|NL) Eq\. (${numbers})(?=:|;| and |$)`, "g");
const looseTitleTag = /\b(?:Titans|MIRAS|NL|Nested Learning),? \(?Eq/gi;

/** @returns {[Paper, typeof papers[Paper]][]} */
export function paperEntries() {
  return /** @type {[Paper, typeof papers[Paper]][]} */ (Object.entries(papers));
}

/**
 * The equations that the text after `@see` names; none if it refers to something other than an equation.
 *
 * @param {string} text such as `Titans (arXiv:2501.00663) Eq. 13-14`
 * @returns {Tag}
 */
export function parseSee(text) {
  if (!/\bEqs?\b/i.test(text)) return { equations: [], problems: [] };
  for (const [paper, { source }] of paperEntries()) {
    const list = text.startsWith(`${source} Eq. `) ? text.slice(source.length + 5) : "";
    if (new RegExp(`^${numbers}$`).test(list)) return expand(paper, list);
  }
  return { equations: [], problems: [`"@see ${text}" is not of the form "@see ${papers.titans.source} Eq. 13-14"`] };
}

/**
 * The equations that a test title names.
 *
 * @param {string} title such as `Titans Eq. 13-14: memoryUpdate equals the scalar recurrence`
 * @returns {Tag}
 */
export function parseTitle(title) {
  const tags = [...title.matchAll(titleTag)];
  const found = tags.map(([, tag, list]) => {
    const entry = paperEntries().find(([, paper]) => paper.tag === tag);
    return expand(/** @type {Paper} */ (entry?.[0]), list ?? "");
  });
  const problems = found.flatMap((tag) => tag.problems);
  if ((title.match(looseTitleTag)?.length ?? 0) !== tags.length)
    problems.push(`the title "${title}" names an equation in another form than "Titans Eq. 13-14: symbol ..."`);
  return { equations: found.flatMap((tag) => tag.equations), problems };
}

/**
 * @param {Paper} paper
 * @param {string} list such as `1-2, 5`
 * @returns {Tag}
 */
export function expand(paper, list) {
  /** @type {Tag} */
  const tag = { equations: [], problems: [] };
  const { source, equations: last } = papers[paper];
  for (const range of list.split(", ").filter((part) => part !== "")) {
    const [from = 0, to = from] = range.split("-").map(Number);
    if (from < 1 || to > last || to < from || (range.includes("-") && to === from))
      tag.problems.push(`${source} Eq. ${range} does not exist: the paper has equations 1-${last}`);
    else for (let number = from; number <= to; number++) tag.equations.push({ paper, number });
  }
  return tag;
}

/**
 * Those symbols that a tagged title is about: each occurs in it as a word and implements one of the equations it names.
 *
 * @template {{ symbol: string, equations: Equation[] }} T
 * @param {string} title
 * @param {T[]} symbols
 * @returns {T[]}
 */
export function namedSymbols(title, symbols) {
  const { equations } = parseTitle(title);
  return symbols.filter(
    ({ symbol, equations: implemented }) =>
      new RegExp(String.raw`(?<![\w$])${symbol.replaceAll("$", String.raw`\$`)}(?![\w$])`).test(title) &&
      implemented.some((one) => equations.some((other) => sameEquation(one, other))),
  );
}

/**
 * @param {Equation} one
 * @param {Equation} other
 */
export function sameEquation(one, other) {
  return one.paper === other.paper && one.number === other.number;
}
