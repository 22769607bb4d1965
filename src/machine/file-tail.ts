import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Duplex } from "node:stream";
import { pause, type WaitOptions, withDeadline } from "../base/wait.ts";

/** A file that grows, as a stream: what is appended comes out as it is written. What is written to it is lost. */
export class FileTail extends Duplex {
  readonly #file: FileHandle;
  readonly #watcher: FSWatcher;
  #at = 0;
  #reading: Promise<void> | undefined;
  /** It grew while it was read. */
  #again = false;

  private constructor(file: FileHandle, path: string) {
    super();
    this.#file = file;
    this.#watcher = watch(path, () => void this.#more());
    this.#watcher.on("error", (error) => this.destroy(error));
  }

  /**
   * Follow a file from its beginning, as soon as it is there: whoever writes it makes it.
   *
   * @throws {DeadlineError} when it is not there in time.
   */
  static async open(path: string, options: WaitOptions): Promise<FileTail> {
    return await withDeadline(`the file ${path}`, options, async (signal) => {
      for (;;) {
        const file = await open(path).catch((error: unknown) => {
          if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
          throw error;
        });
        if (file) {
          const tail = new FileTail(file, path);
          // What was written before it was watched.
          void tail.rest();
          return tail;
        }
        await pause(2, signal);
      }
    });
  }

  /** Read what there still is; whoever writes the file has ended. */
  async rest(): Promise<void> {
    await this.#more();
  }

  async #more(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    while (this.#again && !this.destroyed) {
      this.#again = false;
      for (;;) {
        const piece = Buffer.alloc(64 * 1024);
        const { bytesRead } = await this.#file.read(piece, 0, piece.length, this.#at);
        if (bytesRead === 0) break;
        this.#at += bytesRead;
        this.push(piece.subarray(0, bytesRead));
      }
    }
  }

  override _read(): void {
    // What there is comes when the file grows.
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#watcher.close();
    void this.#file.close().then(
      () => done(error),
      () => done(error),
    );
  }
}
