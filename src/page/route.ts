import { useEffect, useState } from "preact/hooks";

/** What the page shows, as its address says after the `#`. */
export type Route =
  | { readonly view: "overview" }
  | { readonly view: "trial"; readonly number: number }
  | { readonly view: "compare"; readonly left: number; readonly right: number };

/** @example parseRoute("#/trial/3") // { view: "trial", number: 3 } */
export function parseRoute(hash: string): Route {
  const trial = /^#\/trial\/(\d+)$/.exec(hash);
  if (trial) return { view: "trial", number: Number(trial[1]) };
  const compare = /^#\/compare\/(\d+)\/(\d+)$/.exec(hash);
  if (compare) return { view: "compare", left: Number(compare[1]), right: Number(compare[2]) };
  return { view: "overview" };
}

/** The address of a route. */
export function hashOf(route: Route): string {
  if (route.view === "trial") return `#/trial/${route.number}`;
  return route.view === "compare" ? `#/compare/${route.left}/${route.right}` : "#/";
}

/** The route, and the way to another one; the browser's own buttons work. */
export function useRoute(): readonly [Route, (route: Route) => void] {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return [
    route,
    (next) => {
      location.hash = hashOf(next);
    },
  ];
}
