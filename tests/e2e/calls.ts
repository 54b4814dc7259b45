// Calls to a process or a thread of the test's own, each with a number by which its answer is found.

export interface Request<Api> {
  id: number;
  method: keyof Api;
  args: unknown[];
}

export interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

// The calls that wait for a reply of the kind `Answer`.
export class Calls<Answer extends { id: number }> {
  #lastId = 0;
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();

  // Makes a call, which `send` sends under its number.
  make(send: (id: number) => void): Promise<Answer> {
    const id = ++this.#lastId;
    const answer = this.expect(id);
    send(id);
    return answer;
  }

  // Waits for an answer that nobody asks for.
  expect(id: number): Promise<Answer> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  take(answer: Answer): void {
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
  }

  // No answer comes any more.
  fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

// What a call was answered with, or a rejection with its error.
export function valueOf({ value, error }: Reply): unknown {
  if (error !== undefined) throw new Error(error);
  return value;
}

// Carries a call out, on the side that is asked.
export async function answer<Api>(api: Api, { id, method, args }: Request<Api>): Promise<Reply> {
  try {
    return { id, value: await (api[method] as (...given: unknown[]) => unknown)(...args) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.stack! : String(error) };
  }
}
