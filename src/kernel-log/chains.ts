import type { Frame } from "./finding.ts";

/** What the call chain that follows is about. See the sections of a report's body. */
export interface Section {
  readonly part: string;
  /** It tells of another moment, so it is not the chain of the finding. */
  readonly aside: boolean;
}

interface Chain extends Section {
  readonly frames: Frame[];
  /** How many of them are of the interrupt that cannot be masked, and that found what is wrong. */
  detector: number;
}

/** Bounds that keep a hostile log from filling memory. */
const limit = { frames: 256, chains: 32 } as const;

/** The call chains of one report, in the order they are printed. */
export class CallChains {
  readonly #chains: Chain[] = [];
  #open: Chain | undefined;
  #next: Section = { part: "", aside: false };
  #instruction: Frame | undefined;

  /** Whether the finding's own chain has begun. */
  get begun(): boolean {
    return this.#chains.some((chain) => !chain.aside);
  }

  /** Whether no line about chains has come in yet. */
  get untouched(): boolean {
    return this.#chains.length === 0 && this.#next.part === "";
  }

  /** Whether what comes in now tells of another moment or another task. */
  get isAside(): boolean {
    return this.#open?.aside ?? this.#next.aside;
  }

  /** A headline: what follows is another chain. */
  section(section: Section): void {
    // "Call Trace:" stands below the section's own headline.
    if (section.part === "" && this.#next.part !== "" && this.#open === undefined) return;
    this.#next = section;
    this.#open = undefined;
  }

  /** The chain went over to user space. */
  leave(): void {
    this.#open = undefined;
  }

  /** The interrupted instruction: it stands before its chain, or inside one where an exception came in between. */
  instruction(frame: Frame): void {
    const marked: Frame = { ...frame, instruction: true };
    if (this.#open && !this.#open.aside) this.push([marked]);
    else if (!this.begun) this.#instruction ??= marked;
  }

  /** What came in so far is of the NMI: what it interrupted follows. */
  interrupted(): void {
    if (this.#open) this.#open.detector = this.#open.frames.length;
  }

  /** A line of a chain. */
  push(frames: readonly Frame[]): void {
    const chain = this.#open ?? this.#begin();
    if (!chain) return;
    // 32-bit arm repeats each caller as the next line's callee.
    const repeats = frames.length === 2 && chain.frames.at(-1)?.function === frames[0]?.function;
    // arm64's call trace begins with the instruction, x86's with its caller.
    const [at] = chain.frames;
    const [first] = frames;
    const known =
      chain.frames.length === 1 &&
      at?.instruction &&
      first?.function === at.function &&
      first.offset === at.offset;
    const fresh = repeats || known ? frames.slice(1) : frames;
    if (chain.frames.length + fresh.length <= limit.frames) chain.frames.push(...fresh);
  }

  #begin(): Chain | undefined {
    if (this.#chains.length >= limit.chains) return undefined;
    const chain: Chain = { ...this.#next, frames: [], detector: 0 };
    this.#chains.push(chain);
    this.#open = chain;
    this.#next = { part: "", aside: chain.aside };
    const at = this.#instruction;
    if (at && !chain.aside) {
      this.#instruction = undefined;
      chain.frames.push(at);
    }
    return chain;
  }

  /** The finding's own chain: the one of the CPU that was asked for it, where it is about one, else the first. */
  main(options: { readonly ofCpu: boolean }): {
    readonly frames: Frame[];
    /** Those that can be to blame. */
    readonly own: Frame[];
  } {
    const own = this.#chains.filter((chain) => !chain.aside);
    const chosen = (options.ofCpu ? own.find((chain) => chain.part === "cpu") : undefined) ?? own[0];
    const frames = chosen?.frames ?? (this.#instruction ? [this.#instruction] : []);
    return { frames: [...frames], own: frames.slice(chosen?.detector ?? 0) };
  }
}
