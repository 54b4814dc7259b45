// A bot with a server beside it, in a folder that has @authstate/server alone: imported and required, asked for its health,
// stopped, and left to end with this process.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { connect } from 'node:http2'
import { createConnection } from 'node:net'
import { startServer } from '@authstate/server'

assert.equal(createRequire(import.meta.url)('@authstate/server').startServer, startServer)

// An empty message in the frame of gRPC; the answer SERVING is one field.
const EMPTY = Buffer.from([0, 0, 0, 0, 0])
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 1])

async function health(address) {
  const [host, port] = address.split(':')
  const open = () => (host === 'unix' ? createConnection(port) : createConnection(Number(port), host))
  const session = connect('http://localhost', { createConnection: open })
  const call = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  call.end(EMPTY)
  const answer = Buffer.concat(await call.toArray())
  session.close()
  return answer
}

for (const options of [{}, { listen: '127.0.0.1:0' }]) {
  const server = await startServer(options)
  assert.deepEqual(await health(server.address), SERVING)
  await server.stop()
  assert.deepEqual(await server.ended, { code: 0, signal: null })
}
await startServer()
