// How a server names the home of a session, where another one serves it from a file of its own, as the owner of its lease:
// docs/write-behind.md of the repository.
const HOME = /^home:[^@]*(?:@(?<address>.+))?$/;

/** The home that `owner` is; undefined where it is another owner. `address` is unset where that server advertises none. */
export function homeIn(owner: string | undefined): { address: string | undefined } | undefined {
  const match = HOME.exec(owner ?? "");
  return match === null ? undefined : { address: match.groups?.["address"] };
}

/** What to do to have a session of which `owner` has the lease, in words; empty where that is no home. */
export function homeAdvice(owner: string | undefined): string {
  const home = homeIn(owner);
  if (home === undefined) return "";
  if (home.address === undefined) return "; it is at home on another server, which advertises no address";
  return `; it is at home on the server at ${home.address}: is that among the pool's \`addresses\`?`;
}
