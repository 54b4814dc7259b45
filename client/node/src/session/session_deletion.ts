import { newCommitId } from "../writes/commit_plan.js";
import { holdingLease, type LeaseHoldDeps } from "./lease_hold.js";
import { saysAbsent } from "./session_retry.js";

/** Deletes a session under a lease that is taken for it; one that is not there is done. */
export async function deleteStoredSession(sessionId: string, deps: LeaseHoldDeps): Promise<void> {
  const { transport, retry, pacing, patienceMs } = deps;
  const commitId = newCommitId();
  await holdingLease(sessionId, deps, (fence) =>
    retry("DeleteSession", pacing.now() + patienceMs, (timeoutMs) =>
      transport.deleteSession(sessionId, commitId, fence, timeoutMs),
    ).catch((error: unknown) => {
      if (!saysAbsent(error, "NO_SESSION")) throw error;
    }),
  );
}
