import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { checkDefinition, definitionFields } from "../../src/repro/check-definition.ts";
import type { ReproDefinition } from "../../src/repro/define.ts";

const whole = {
  id: "is-kebab",
  title: "what fails",
  upstream: ["https://example.org"],
  axes: {
    kernel: ["6.1.115", "deb:6.12.43"],
    node: ["20.9.0"],
    env: [{}, { A: "1" }],
    own: { mode: ["bad", "good"] },
  },
  cells: { bad: [{}], control: [{ axes: { mode: "good" } }] },
  workload: new URL("./workload", import.meta.url),
  machine: { cpus: 2, memory: "1GiB" },
  deadline: "4m",
  trial: async () => ({}),
  signature: () => false,
  healthy: () => true,
  summary: () => "",
};

/** What a definition with some fields changed is told; undefined leaves a field out. */
function told(changes: Readonly<Record<string, unknown>>): string {
  const definition = Object.fromEntries(
    Object.entries({ ...whole, ...changes }).filter(([, value]) => value !== undefined),
  );
  try {
    // What a file without type checking hands over.
    checkDefinition(definition as unknown as Parameters<typeof checkDefinition>[0]);
    return "nothing";
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
}

describe("a definition", () => {
  test("that is whole is told nothing", () => {
    expect(told({})).toBe("nothing");
    expect(told({ deadline: 90_000, machine: { memory: 2 ** 30 }, npm: () => "10.1.0" })).toBe("nothing");
  });

  test.each<[Readonly<Record<string, unknown>>, string]>([
    [{ deadline: "4 minutes" }, "deadline: expected a duration such as 5s, found '4 minutes'"],
    [{ deadline: undefined }, "deadline: expected a duration such as 5s, found nothing"],
    [{ deadlin: "4m" }, "deadlin: there is no such field (did you mean deadline?)"],
    [{ id: "Not Kebab" }, "id: expected kebab-case, such as \"io-uring-dstate\", found 'Not Kebab'"],
    [{ title: 7 }, "title: expected a text, found 7"],
    [{ upstream: [] }, 'upstream: expected a list with one at least, such as ["https://..."], found []'],
    [{ upstream: ["#55587"] }, "upstream[0]: expected the address of a report"],
    [
      { axes: undefined },
      "axes: expected an object with kernel, node, env, own, files, images, found nothing",
    ],
    [
      { axes: { kernel: [] } },
      'axes.kernel: expected a list with one at least, such as ["6.1.115"], found []',
    ],
    [{ axes: { kernel: "6.1.115" } }, "axes.kernel: expected a list"],
    [{ axes: { kernel: ["latest"] } }, "axes.kernel[0]: expected a kernel such as 6.1.115"],
    [{ axes: { ...whole.axes, nodes: ["20"] } }, "axes.nodes: there is no such field (did you mean node?)"],
    [{ axes: { ...whole.axes, env: ["A=1"] } }, "axes.env[0]: expected texts by name"],
    [{ axes: { ...whole.axes, own: { mode: [] } } }, "axes.own.mode: expected a list with one at least"],
    [
      { cells: { bad: [{}] } },
      "cells.control: expected a list with one at least, such as [{}], found nothing",
    ],
    [
      { cells: { bad: [{ axis: {} }], control: [{}] } },
      "cells.bad[0].axis: there is no such field (did you mean axes?)",
    ],
    [
      { cells: { bad: [{}], control: [{ axes: { mode: "god" } }] } },
      'cells.control[0]: the axis "mode" has no value "god" (Its values are: bad, good.)',
    ],
    [
      { cells: { bad: [{ image: "alpine" }], control: [{}] } },
      "cells.bad[0].image: expected debian or nixos, found 'alpine'",
    ],
    [
      { workload: "./workload" },
      "workload: expected a folder as new URL(\"./workload\", import.meta.url), found './workload'",
    ],
    [{ prepare: { key: () => 1 } }, "prepare.make: expected a function that makes it, found nothing"],
    [{ machine: { memory: "1 GB" } }, "machine.memory: expected a size such as 1GiB, found '1 GB'"],
    [{ machine: { cpus: 0 } }, "machine.cpus: expected a whole number above zero, found 0"],
    [{ machine: { cpu: 2 } }, "machine.cpu: there is no such field (did you mean cpus?)"],
    [
      { signature: undefined },
      "signature: expected a function that says what counts as reproduced, found nothing",
    ],
    [{ healthy: true }, "healthy: expected a function that says what counts as clean, found true"],
    [{ xyzzy: 1 }, "xyzzy: there is no such field (there are: id, title,"],
  ])("with %j is told the field, what was expected and what was found", (changes, sentence) => {
    expect(told(changes)).toContain(`  ${sentence}`);
  });

  test("has each field looked at that its type has", () => {
    // The compiler's part: the other one is that no field is looked at which does not exist.
    const looked: Record<keyof ReproDefinition<never>, unknown> = definitionFields;
    const fields: (keyof typeof definitionFields)[] = Object.keys(looked) as (keyof ReproDefinition<never>)[];
    expect(fields).toContain("deadline");
  });

  test("that is no object at all is told what one has", () => {
    const nothing = undefined as unknown as Parameters<typeof checkDefinition>[0];
    expect(() => checkDefinition(nothing)).toThrow("expected an object with id, title,");
  });

  test("with much that is wrong is told all of it at once, up to a few lines", () => {
    const message = told({
      ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`field${n}`, n])),
      title: 1,
    });
    expect(message.split("\n")).toHaveLength(10);
    expect(message).toContain('the repro "is-kebab"');
    expect(message).toContain("and 13 more");
  });
});
