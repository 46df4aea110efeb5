/** Facts at a distance: persons who go from place to place and take things with them. */
import { z } from "zod";
import type { RandomStream } from "../random-stream.ts";
import { countKnob } from "./knobs.ts";
import { RowWriter, randomGaps } from "./row-writer.ts";
import { defineTask } from "./task.ts";
import { numbered, vocabulary } from "./vocabulary.ts";

/** Somebody does something: goes to a place, or takes a thing. */
interface Statement {
  readonly person: number;
  readonly does: "went" | "took";
  readonly what: number;
}

/** What is drawn from. */
interface World {
  readonly persons: readonly number[];
  readonly places: readonly number[];
  readonly things: readonly number[];
}

const went = (person: number, what: number): Statement => ({ person, does: "went", what });
const took = (person: number, what: number): Statement => ({ person, does: "took", what });

function anyStatement(random: RandomStream, { persons, places, things }: World): Statement {
  const person = random.pick(persons);
  return random.unit() < 0.6 ? went(person, random.pick(places)) : took(person, random.pick(things));
}

/** Another statement where the drawn one would change what an earlier one says. */
function statementWithout(random: RandomStream, world: World, isForbidden: (s: Statement) => boolean): Statement {
  for (;;) {
    const statement = anyStatement(random, world);
    if (!isForbidden(statement)) return statement;
  }
}

/** A story, who or what is asked for, the answer, and the number of the oldest statement that it follows from. */
interface Story {
  readonly statements: readonly Statement[];
  readonly asked: number;
  readonly answer: number;
  readonly oldest: number;
}

function tellStory(random: RandomStream, world: World, count: number, supporting: 1 | 2): Story {
  const person = random.pick(world.persons);
  const place = random.pick(world.places);
  const thing = random.pick(world.things);
  const [first, second] = random.sample([...Array(count).keys()], supporting);
  const isLater = (i: number, place: number | undefined) => place !== undefined && i > place;
  const statements = Array.from({ length: count }, (_, i) => {
    if (i === first) return went(person, place);
    if (i === second) return took(person, thing);
    return statementWithout(random, world, (s) => {
      const moves = s.does === "went" && s.person === person && isLater(i, first);
      const changesHands = s.does === "took" && s.what === thing && isLater(i, second);
      return moves || changesHands;
    });
  });
  const asked = supporting === 1 ? person : thing;
  return { statements, asked, answer: place, oldest: Math.min(first!, second ?? first!) };
}

/** Where is somebody, or something. */
export const facts = defineTask({
  name: "facts",
  summary: "persons go to places and take things; at the end: where is one of them, from one fact or from two",
  definition:
    "`statements` statements of three tokens, `person went place` or `person took thing`, stand at random places among tokens that say nothing. A person is where it went last; a thing is with whom took " +
    "it last, wherever that person goes. The row ends with `where`, a person (`supporting` 1) or a thing (2), and the place, which is the answer. The other statements distract: other persons, places that were " +
    "left again, things that nobody asks for. The fact is the oldest statement that the answer follows from.",
  source: "BABILong (arXiv:2406.10149), tasks qa1 and qa2",
  example: "task.supporting=2",
  knobs: {
    statements: countKnob(2, 8, "Statements of a row."),
    supporting: z
      .union([z.literal(1), z.literal(2)])
      .default(1)
      .describe("Statements that the answer follows from: 1 or 2."),
    persons: countKnob(2, 4, "Persons there are."),
    places: countKnob(2, 6, "Places there are."),
    things: countKnob(2, 4, "Things there are."),
    noise: countKnob(1, 8, "Symbols of the tokens that say nothing."),
  },
  rules({ statements, supporting, persons, places, things, noise }) {
    const { symbols, ids } = vocabulary({
      went: "went",
      took: "took",
      where: "where",
      persons: numbered("person", persons),
      places: numbered("place", places),
      things: numbered("thing", things),
      noise: numbered("n", noise),
    });
    const least = 3 * statements + 3;
    return {
      symbols,
      shortestLength: least - 1,
      chance: 1 / places,
      row(random, length) {
        const story = tellStory(random, ids, statements, supporting);
        const gaps = randomGaps(random, statements, length + 1 - least);
        const writer = new RowWriter();
        const makeNoise = (count: number) => {
          for (let i = 0; i < count; i++) writer.write(random.pick(ids.noise));
        };
        const written = story.statements.map(({ person, does, what }, i) => {
          makeNoise(gaps[i]!);
          return writer.write(person, ids[does], what);
        });
        makeNoise(gaps[statements]!);
        writer.write(ids.where, story.asked);
        writer.answer([story.answer], written[story.oldest]!);
        return writer.row(length, ids.where);
      },
    };
  },
});
