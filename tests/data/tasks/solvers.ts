/** Plain programs that answer each task from the tokens before the answer alone, written from the definitions. */

/** What a program sees: the row up to the answer, as symbols, and how many tokens the answer has. */
export interface Asked {
  readonly seen: readonly string[];
  readonly count: number;
}

/** What it says: the answer, and where the fact stands that it follows from. */
export interface Said {
  readonly answer: readonly string[];
  readonly fact: number;
}

type Solver = (asked: Asked) => Said;

const lastPlace = (seen: readonly string[], token: string, before = seen.length) => seen.lastIndexOf(token, before - 1);

/** The value that stood behind the last token when that stood in the row before, at its first or last appearance. */
function valueOfKey(seen: readonly string[], which: "first" | "last"): Said {
  const key = seen.at(-1)!;
  const fact = which === "first" ? seen.indexOf(key) : lastPlace(seen, key, seen.length - 1);
  return { answer: [seen[fact + 1]!], fact };
}

/** Keys of one to several tokens: the words that stand before the answer, each with where it stands. */
function fuzzy({ seen, count }: Asked): Said {
  const words: { text: string[]; place: number }[] = [];
  seen.forEach((token, place) => {
    const word = words.at(-1);
    if (word && word.text[0]![0] === token[0]) word.text.push(token);
    else words.push({ text: [token], place });
  });
  const key = words.at(-1)!.text.join(" ");
  const at = words.slice(0, -1).findLastIndex(({ text }) => text.join(" ") === key);
  return { answer: words[at + 1]!.text.slice(0, count), fact: words[at]!.place };
}

function copying({ seen }: Asked): Said {
  const answer = seen.filter((token) => token.startsWith("s"));
  return { answer, fact: seen.indexOf(answer[0]!) };
}

function compressed({ seen }: Asked): Said {
  const place = Number(seen.at(-1)!.slice(1));
  return { answer: [seen[place]!], fact: place };
}

function needle({ seen, count }: Asked): Said {
  const question = lastPlace(seen, "?");
  const named = seen.slice(question + 1);
  const fact = seen.findIndex((token, i) => token === "!" && named.every((key, j) => seen[i + 1 + j] === key));
  const from = fact + 1 + named.length;
  return { answer: seen.slice(from, from + count), fact };
}

function bookNeedle({ seen, count }: Asked): Said {
  const text = seen.map((name) => (name.length === 1 ? name : String.fromCharCode(Number.parseInt(name.slice(1), 16))));
  const all = text.join("");
  const [, subject] = / What is the (.+)\? The \1 is $/.exec(all)!;
  const sentence = ` The ${subject} is `;
  const fact = all.indexOf(sentence);
  return { answer: [...all.slice(fact + sentence.length, fact + sentence.length + count)], fact };
}

function story({ seen }: Asked): Said {
  const statements = seen.flatMap((does, i) =>
    does === "went" || does === "took" ? [{ does, who: seen[i - 1]!, what: seen[i + 1]!, place: i - 1 }] : [],
  );
  const asked = seen.at(-1)!;
  const taken = statements.findLast(({ does, what }) => does === "took" && what === asked);
  const person = taken?.who ?? asked;
  const move = statements.findLast(({ does, who }) => does === "went" && who === person)!;
  return { answer: [move.what], fact: Math.min(move.place, taken?.place ?? move.place) };
}

function judged(judge: (string_: string) => string): Solver {
  return ({ seen }) => {
    const fact = lastPlace(seen, "^");
    return { answer: [judge(seen.slice(fact + 1, -1).join(""))], fact };
  };
}
const yesIf = (isTrue: boolean) => (isTrue ? "yes" : "no");
const countOf = (text: string, letter: string) => text.split(letter).length - 1;

/** Balanced brackets by taking away pairs that stand next to each other. */
function isBalanced(text: string): boolean {
  const shorter = text.replaceAll("()", "").replaceAll("[]", "");
  return shorter === text ? text === "" : isBalanced(shorter);
}

function nearestExample({ seen }: Asked): Said {
  const pattern = seen.slice(lastPlace(seen, "?") + 1);
  const width = pattern.length;
  const examples = seen.flatMap((label, i) =>
    label.startsWith("class") ? [{ label, place: i - width, features: seen.slice(i - width, i) }] : [],
  );
  const taught = examples.filter(({ place }) => seen[place - 1] !== "?");
  const wrong = ({ features }: { features: readonly string[] }) => features.filter((x, i) => x !== pattern[i]).length;
  const nearest = taught.reduce((best, example) => (wrong(example) < wrong(best) ? example : best));
  return { answer: [nearest.label], fact: taught.findLast(({ label }) => label === nearest.label)!.place };
}

function mostSimilarPicture({ seen }: Asked): Said {
  const question = lastPlace(seen, "?");
  const [domain, ...picture] = seen.slice(question + 1);
  const lesson = seen.slice(seen.indexOf(domain!) + 1);
  const shown: { label: string; pixels: string; place: number }[] = [];
  for (let at = 0; lesson[at + 16]?.startsWith("class"); at += 17) {
    const place = seen.indexOf(domain!) + 1 + at + 16;
    shown.push({ label: lesson[at + 16]!, pixels: lesson.slice(at, at + 16).join(""), place });
  }
  const asked = picture.join("");
  const wrong = ({ pixels }: { pixels: string }) => [...pixels].filter((pixel, i) => pixel !== asked[i]).length;
  const { label } = shown.reduce((best, one) => (wrong(one) < wrong(best) ? one : best));
  return { answer: [label], fact: shown.findLast((one) => one.label === label)!.place };
}

function inDomain({ seen }: Asked): Said {
  const [domain, key] = seen.slice(-2) as [string, string];
  const lesson = seen.indexOf(domain);
  const fact = seen.indexOf(key, lesson);
  return { answer: [seen[fact + 1]!], fact };
}

function translated({ seen }: Asked): Said {
  const question = lastPlace(seen, "?");
  const [language, ...rest] = seen.slice(question + 1);
  const said = rest.slice(0, -1);
  const lesson = seen.indexOf(language!);
  const after = seen.findIndex((token, i) => i > lesson && !/^[mw]/.test(token));
  const places = said.map((meaning) => seen.lastIndexOf(meaning, after - 1));
  const answer = places.map((place) => seen[place + 1]!);
  return { answer: language === "language1" ? answer.reverse() : answer, fact: Math.min(...places) };
}

const beforeQuestions = (seen: readonly string[]) => seen.slice(0, seen.indexOf("?"));

function latest({ seen }: Asked): Said {
  const fact = beforeQuestions(seen).lastIndexOf(seen.at(-1)!);
  return { answer: [seen[fact + 1]!], fact };
}

function majority({ seen }: Asked): Said {
  const stream = beforeQuestions(seen);
  const values = stream.flatMap((key, i) => (key === seen.at(-1) ? [{ value: stream[i + 1]!, place: i }] : []));
  const votes = (value: string) => values.filter((other) => other.value === value).length;
  const best = values.reduce((a, b) => (votes(b.value) > votes(a.value) ? b : a)).value;
  return { answer: [best], fact: values.findLast(({ value }) => value === best)!.place };
}

/** A program for every task but `memorization`, whose answers are not in the row. */
export const solvers: Readonly<Record<string, Solver>> = {
  recall: ({ seen }) => valueOfKey(seen, "first"),
  "in-context-recall": ({ seen }) => valueOfKey(seen, "last"),
  "noisy-recall": ({ seen }) => valueOfKey(seen, "last"),
  "fuzzy-recall": fuzzy,
  "selective-copying": copying,
  compression: compressed,
  passkey: needle,
  "number-needle": needle,
  "word-needle": needle,
  facts: story,
  parity: judged((bits) => yesIf(countOf(bits, "1") % 2 === 1)),
  aa: judged((text) => yesIf(/^(aa)*$/.test(text))),
  abab: judged((text) => yesIf(/^(abab)*$/.test(text))),
  dyck1: judged((text) => yesIf(isBalanced(text))),
  dyck2: judged((text) => yesIf(isBalanced(text))),
  "modular-counting": judged((text) => `=${countOf(text, "a") % 5}`),
  "class-incremental": nearestExample,
  "domain-stream": inDomain,
  "permuted-pixels": mostSimilarPicture,
  translation: translated,
  drift: latest,
  outliers: majority,
};

/** The program for needles in a book. */
export const bookSolver: Solver = bookNeedle;
