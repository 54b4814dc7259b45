// The worker threads of the example pool. libsignal keeps one queue of jobs for each contact in a thread:
// two accounts of one thread that write to the same contact at the same time lose its session.
import { once } from "node:events";
import { parentPort, Worker, workerData } from "node:worker_threads";

/** The plan that this thread was given, or undefined in the main thread. */
export const givenPlan = workerData as unknown;

/** Calls `callback` when the main thread wants this one to stop. */
export function onStop(callback: () => void): void {
  parentPort?.once("message", callback);
}

/**
 * Runs a thread for each of `plans`, until all have ended.
 *
 * @returns whether all have ended well
 */
export async function runWorkers(plans: readonly unknown[], stop: AbortSignal): Promise<boolean> {
  const codes = await Promise.all(
    plans.map(async (plan) => {
      const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData: plan });
      const tell = (): void => worker.postMessage("stop");
      if (stop.aborted) tell();
      else stop.addEventListener("abort", tell, { once: true });
      try {
        return ((await once(worker, "exit")) as [number])[0];
      } catch (error) {
        // The thread did not catch this. The accounts of the others go on.
        console.error(error);
        return 1;
      } finally {
        stop.removeEventListener("abort", tell);
      }
    }),
  );
  return codes.every((code) => code === 0);
}
