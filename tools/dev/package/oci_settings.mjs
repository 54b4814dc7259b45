// Prints how the one image of an OCI layout is run, in the words of a Dockerfile: oci_settings.mjs LAYOUT_DIR
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const layout = process.argv[2]
const read = (...path) => JSON.parse(readFileSync(join(layout, ...path), 'utf8'))
const blob = ({ digest }) => read('blobs', ...digest.split(':'))

const { config } = blob(blob(read('index.json').manifests[0]).config)
const settings = {
  USER: config.User,
  WORKDIR: config.WorkingDir,
  VOLUME: Object.keys(config.Volumes).join(' '),
  ENV: config.Env.join(' '),
  STOPSIGNAL: config.StopSignal,
  ENTRYPOINT: config.Entrypoint.join(' '),
  EXPOSE: Object.keys(config.ExposedPorts).sort().join(' '),
}
for (const [instruction, value] of Object.entries(settings)) console.log(`${instruction} ${value}`)
