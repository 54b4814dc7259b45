// A server of the contract in this process, over real gRPC. Calls that it does not handle are UNIMPLEMENTED.
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import {
  AuthStateServiceService,
  type LoadSessionRequest,
  type LoadSessionResponse,
} from "../../src/gen/authstate/v1/auth_state_service.ts";
import { type Failure, failureOf, Refusal, toServiceError } from "./failure.ts";

export type LoadCall = ServerWritableStream<LoadSessionRequest, LoadSessionResponse>;

// GetServerInfo, of which this package has no stubs: it answers with a version.
const ADMIN_SERVICE: ServiceDefinition = {
  getServerInfo: {
    ...{ path: "/authstate.v1.AdminService/GetServerInfo", requestStream: false, responseStream: false },
    ...{ requestSerialize: () => Buffer.alloc(0), requestDeserialize: () => ({}), responseDeserialize: () => ({}) },
    responseSerialize: (version: string) =>
      Buffer.from(new BinaryWriter().uint32(26).string("/data").uint32(10).string(version).finish()),
  },
};

export abstract class TestServer {
  // What the calls showed as `authorization`, in order.
  readonly shown: string[] = [];
  // Asked with what is shown, about every call and every operation of a pipe, before it takes place.
  admit: (authorization: string) => Failure | undefined = () => undefined;
  // What GetServerInfo tells; unset, the server does not know the call.
  version: string | undefined;
  // What is answered waits for it; see `hold`.
  protected gate: Promise<void> = Promise.resolve();
  #server = new Server();
  #port = 0;

  // The handlers by the names of the calls in AuthStateServiceService.
  protected abstract handlers(): object;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  // Starts on a free port, or on that of before if it was stopped.
  async start(): Promise<void> {
    this.#server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
    this.#server.addService(AuthStateServiceService, this.handlers() as never);
    this.#server.addService(ADMIN_SERVICE, {
      getServerInfo: (_: unknown, callback: sendUnaryData<string>) =>
        this.version === undefined ? callback({ code: status.UNIMPLEMENTED }) : callback(null, this.version),
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  // Stops as in a crash: calls under way lose their connection.
  stop(): void {
    this.#server.forceShutdown();
  }

  // Holds every answer back until the returned function is called.
  hold(): () => void {
    let release!: () => void;
    this.gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  // Takes what a call shows. Throws a Refusal where that is not admitted; the returned function does so again later.
  protected admitCall(metadata: Metadata): () => void {
    const authorization = metadata.get("authorization").join();
    this.shown.push(authorization);
    const check = (): void => {
      const failure = this.admit(authorization);
      if (failure !== undefined) throw new Refusal(failure);
    };
    check();
    return check;
  }

  // A handler that answers with what `work` returns, or with the Refusal that it throws.
  protected unary<Request, Response extends object>(work: (request: Request) => Response) {
    return async (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): Promise<void> => {
      try {
        this.admitCall(call.metadata);
        const answer = work(call.request);
        await this.gate;
        callback(null, answer);
      } catch (error) {
        const failure = failureOf(error);
        await this.gate;
        callback(toServiceError(failure));
      }
    };
  }

  // A handler of LoadSession that answers with the pages that `work` makes, as fast as they are read, and with the Refusal
  // that it throws. Calls `onSent` with every page.
  protected pages(work: (call: LoadCall) => Iterable<LoadSessionResponse>, onSent: () => void) {
    return async (call: LoadCall): Promise<void> => {
      try {
        this.admitCall(call.metadata);
        for (const page of work(call)) {
          onSent();
          if (!call.write(page)) await new Promise((resolve) => call.once("drain", resolve).once("close", resolve));
          if (call.cancelled) return;
        }
        call.end();
      } catch (error) {
        call.emit("error", toServiceError(failureOf(error)));
      }
    };
  }

  // A handler of LoadSession that answers with the one page that `work` returns, or with the Refusal that it throws.
  protected onePage(work: (call: LoadCall) => LoadSessionResponse) {
    return (call: LoadCall): void => {
      try {
        this.admitCall(call.metadata);
        call.write(work(call));
        call.end();
      } catch (error) {
        call.emit("error", toServiceError(failureOf(error)));
      }
    };
  }
}
