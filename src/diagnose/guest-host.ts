import type { Within } from "../base/deadline.ts";

/** How a command in a guest ended. */
export interface GuestResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** What is needed of a guest to run something in it: `vm.guest` has it. */
export interface GuestHost {
  exec(
    command: readonly string[],
    options: {
      readonly within?: Within | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly input?: string | undefined;
      readonly cwd?: string | undefined;
      readonly env?: Readonly<Record<string, string>> | undefined;
      readonly allowFailure?: boolean | undefined;
    },
  ): Promise<GuestResult>;
}
