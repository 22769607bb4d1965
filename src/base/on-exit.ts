/**
 * Do something when this process ends, however it ends but for SIGKILL. For what must go at once, without
 * waiting: killing a child, removing a folder.
 *
 * @example using _hook = onProcessExit(() => rmSync(dir, { recursive: true, force: true }));
 */
export function onProcessExit(hook: () => void): Disposable {
  process.once("exit", hook);
  return { [Symbol.dispose]: () => void process.removeListener("exit", hook) };
}
