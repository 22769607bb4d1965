const hooks = new Set<() => void>();

/** One listener for all hooks: Node warns of a leak when there are more than ten. */
function runHooks(): void {
  for (const hook of hooks) {
    try {
      hook();
    } catch {
      // The others have things to remove, too; nobody is left to be told.
    }
  }
}

/**
 * Do something when this process ends, however it ends but for SIGKILL. For what must go at once, without
 * waiting: killing a child, removing a folder.
 *
 * @example using _hook = onProcessExit(() => rmSync(dir, { recursive: true, force: true }));
 */
export function onProcessExit(hook: () => void): Disposable {
  // Each call is an entry of its own, also of the same function.
  const entry = (): void => hook();
  if (hooks.size === 0) process.once("exit", runHooks);
  hooks.add(entry);
  return {
    [Symbol.dispose]: () => {
      hooks.delete(entry);
      if (hooks.size === 0) process.removeListener("exit", runHooks);
    },
  };
}
