/**
 * A TypeDoc plugin: every public export says what a reader needs.
 *
 * What can be told for sure from the code is demanded: shapes where a function takes or returns tensors, the errors that its own body throws, and the paper's equation
 * where the registry knows the name. Errors of exported functions that a function calls are not looked for: they say themselves what they throw.
 */
import { existsSync, readFileSync } from "node:fs";
import { Application, Converter, ReflectionKind } from "typedoc";
import ts from "typescript";
import { exportedDeclarations, fileOf } from "./exported.mjs";

const arxiv = { titans: "2501.00663", miras: "2504.13173", nl: "2512.24695" };

/** `[batch, dim]`, or words that say the same. */
const shape = /\[[^\]]*\]|\bshapes?\b|\bscalar\b|\bin the form of\b/;

/** @param {import("typedoc").Application} app */
export function load(app) {
  /** @type {Map<import("typedoc").SignatureReflection, string[]>} */
  const thrown = new Map();
  app.converter.on(Converter.EVENT_RESOLVE_END, (context) => {
    for (const { signature, owner } of publicSignatures(context.project)) {
      const declarations = context.getSymbolFromReflection(owner)?.declarations ?? [];
      thrown.set(signature, [...new Set(declarations.flatMap((one) => errorsOf(one)))]);
    }
  });
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const problem of problemsOf(project, thrown)) app.logger.validationWarning(problem);
  });
}

/**
 * A sentence for everything that is missing.
 *
 * @param {import("typedoc").ProjectReflection} project
 * @param {ReadonlyMap<import("typedoc").SignatureReflection, readonly string[]>} thrown
 */
function problemsOf(project, thrown) {
  const equations = registeredEquations();
  /** @type {string[]} */
  const problems = [];
  for (const { signature, name, file, line } of publicSignatures(project)) {
    const text = textOf(signature);
    const at = `${name} (${file}:${line})`;
    if (isFunction(signature) && hasTensors(signature) && !shape.test(text))
      problems.push(`${at} takes or returns tensors, and its documentation says nothing of their shapes`);
    const unnamed = (thrown.get(signature) ?? []).filter((error) => !text.includes(error));
    if (unnamed.length > 0) problems.push(`${at} throws ${unnamed.join(" and ")}; say when in @throws`);
  }
  for (const declaration of exportedDeclarations(project)) {
    const file = fileOf(declaration);
    const papers = equations.get(`${file} ${declaration.name}`) ?? [];
    const text = textOf(declaration) + (declaration.signatures ?? []).map(textOf).join("\n");
    for (const paper of papers) {
      if (!text.includes(arxiv[paper]))
        problems.push(`${declaration.name} (${file}) implements an equation, and no @see names arXiv:${arxiv[paper]}`);
    }
  }
  return problems;
}

/**
 * Signatures of exported functions, and of methods and constructors of exported classes that the classes declare themselves.
 *
 * @param {import("typedoc").ProjectReflection} project
 */
function publicSignatures(project) {
  return exportedDeclarations(project).flatMap((declaration) => {
    const owners =
      declaration.kind === ReflectionKind.Class
        ? (declaration.children ?? []).filter(
            (child) =>
              child.kindOf(ReflectionKind.Method | ReflectionKind.Constructor) &&
              child.inheritedFrom === undefined &&
              child.implementationOf === undefined,
          )
        : [declaration];
    return owners.flatMap((owner) =>
      (owner.signatures ?? []).map((signature) => ({
        signature,
        owner,
        name: owner === declaration ? declaration.name : `${declaration.name}.${owner.name}`,
        file: fileOf(declaration),
        line: owner.sources?.[0]?.line ?? 0,
      })),
    );
  });
}

/** @param {import("typedoc").SignatureReflection} signature */
function isFunction(signature) {
  return signature.parent.kind === ReflectionKind.Function;
}

/**
 * All that is written about a signature or declaration, its parameters and its class included.
 *
 * @param {import("typedoc").Reflection} reflection
 */
function textOf(reflection) {
  const parts = [commentText(reflection.comment)];
  if (reflection.isSignature()) {
    parts.push(...(reflection.parameters ?? []).map(({ comment }) => commentText(comment)));
    if (reflection.kind === ReflectionKind.ConstructorSignature)
      parts.push(commentText(reflection.parent.parent?.comment));
  }
  return parts.join("\n");
}

/** @param {import("typedoc").Comment | undefined} comment */
function commentText(comment) {
  if (comment === undefined) return "";
  const parts = [...comment.summary, ...comment.blockTags.flatMap(({ content }) => content)];
  return parts.map(({ text }) => text).join("");
}

/**
 * Whether a parameter or the result is a tensor, or a list, tuple or object literal of such. Types with names say themselves what they hold.
 *
 * @param {import("typedoc").SignatureReflection} signature
 */
function hasTensors(signature) {
  return [...(signature.parameters ?? []).map(({ type }) => type), signature.type].some(isTensor);
}

/**
 * @param {import("typedoc").SomeType | undefined} type
 * @returns {boolean}
 */
function isTensor(type) {
  if (type === undefined) return false;
  switch (type.type) {
    case "reference":
      return type.name === "Tensor";
    case "array":
      return isTensor(type.elementType);
    case "tuple":
      return type.elements.some(isTensor);
    case "union":
      return type.types.some(isTensor);
    case "typeOperator":
      return isTensor(type.target);
    case "reflection":
      return (type.declaration.children ?? []).some((child) => isTensor(child.type));
    default:
      return false;
  }
}

/**
 * Names of the errors that a function makes and throws: in its body, or in that of a function of the same file that it calls and that is not exported.
 *
 * @param {import("typescript").Declaration} declaration
 * @param {Set<import("typescript").Node>} seen
 * @returns {string[]}
 */
function errorsOf(declaration, seen = new Set()) {
  if (seen.has(declaration) || !ts.isFunctionLike(declaration) || !("body" in declaration)) return [];
  seen.add(declaration);
  const helpers = helpersOf(declaration.getSourceFile());
  /** @type {string[]} */
  const errors = [];
  /** @param {import("typescript").Node} node */
  const visit = (node) => {
    // A function within may be called later, or never.
    if (ts.isFunctionLike(node)) return;
    if (ts.isThrowStatement(node) && ts.isNewExpression(node.expression) && ts.isIdentifier(node.expression.expression))
      errors.push(node.expression.expression.text);
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const helper = helpers.get(node.expression.text);
      if (helper !== undefined) errors.push(...errorsOf(helper, seen));
    }
    ts.forEachChild(node, visit);
  };
  if (declaration.body !== undefined) ts.forEachChild(declaration.body, visit);
  return errors;
}

/**
 * Functions of a file that it keeps to itself, by name.
 *
 * @param {import("typescript").SourceFile} file
 */
function helpersOf(file) {
  /** @type {Map<string, import("typescript").FunctionDeclaration>} */
  const helpers = new Map();
  for (const statement of file.statements) {
    const exported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (ts.isFunctionDeclaration(statement) && statement.name !== undefined && !exported)
      helpers.set(statement.name.text, statement);
  }
  return helpers;
}

/** Papers by file and name of what implements something of theirs; none before the first build. */
function registeredEquations() {
  /** @type {Map<string, (keyof typeof arxiv)[]>} */
  const found = new Map();
  if (!existsSync("dist/equations.json")) return found;
  /** @type {import("../site/atlas-pages.mjs").AtlasEntry[]} */
  const atlas = JSON.parse(readFileSync("dist/equations.json", "utf8"));
  for (const { paper, symbols } of atlas) {
    for (const { symbol, file } of symbols) {
      const name = `${file} ${symbol}`;
      found.set(name, [...new Set([...(found.get(name) ?? []), paper])]);
    }
  }
  return found;
}
