/** Works that are done side by side, each with a signal that tells it to stop when another one fails. */
type Works<Values extends readonly unknown[]> = {
  readonly [Index in keyof Values]: (signal: AbortSignal) => Promise<Values[Index]>;
};

/**
 * What several works give that are all needed. When one fails, the others are told to stop, and are waited for: none
 * goes on, or leaves something half-made, behind the caller's back.
 *
 * @throws what the first one that failed threw.
 * @example const [kernel, image] = await sideBySide(signal, [buildKernel, makeImage]);
 */
export async function sideBySide<const Values extends readonly unknown[]>(
  signal: AbortSignal,
  works: Works<Values>,
): Promise<Values>;
export async function sideBySide(
  signal: AbortSignal,
  works: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<readonly unknown[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const running = works.map(async (work) => {
    try {
      return await work(either);
    } catch (error) {
      // Only the first one's reason stays.
      stop.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  stop.signal.throwIfAborted();
  return await Promise.all(running);
}
