// What the panels of authstate have in common, so that the files beside this one say only what is shown.
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'

const SOURCE = { type: 'prometheus', uid: '${datasource}' }
const TAG = 'authstate'

// A selector of what the chosen servers tell, with more matchers if need be.
export const of = (metric, ...matchers) =>
  `${metric}{${['job="authstate"', 'instance=~"$instance"', ...matchers].join(', ')}}`
// How much a counter grows in a second, together for each set of `labels`.
export const rate = (labels, metric, ...matchers) =>
  `sum by (${labels}) (rate(${of(metric, ...matchers)}[$__rate_interval]))`
// Quantiles of a histogram, for each set of `labels`, as queries.
export const quantiles = (qs, labels, metric, ...matchers) =>
  qs.map((q) => [
    `histogram_quantile(${q}, ${rate(['le', ...labels].join(', '), `${metric}_bucket`, ...matchers)})`,
    [...labels.map((label) => `{{${label}}}`), `p${Math.round(q * 100)}`].join(' '),
  ])

// A variable whose values are those of the label of its name.
export const variable = (name, label, selector) => {
  const query = `label_values(${selector}, ${name})`
  return new grafana.QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCE)
    .query({ query, refId: name })
    .definition(query)
    .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
    .sort(grafana.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all' })
}

// `queries` are pairs of an expression and the name of what it returns, in which {{label}} stands for a label.
const panel = (builder, title, description, unit, queries, kind) => {
  builder.title(title).description(description).unit(unit).datasource(SOURCE)
  for (const [index, [expression, legend]] of queries.entries()) {
    const refId = String.fromCharCode('A'.charCodeAt(0) + index)
    builder.withTarget(new prometheus.DataqueryBuilder().refId(refId).expr(expression).legendFormat(legend)[kind]())
  }
  return builder
}

// One number, large: green, and red from `red` on, or below `redBelow`.
export const number = (title, description, unit, queries, { red, redBelow } = {}) => {
  const steps = [{ color: redBelow === undefined ? 'green' : 'red', value: null }]
  if (red !== undefined) steps.push({ color: 'red', value: red })
  if (redBelow !== undefined) steps.push({ color: 'green', value: redBelow })
  return panel(new stat.PanelBuilder(), title, description, unit, queries, 'instant')
    .span(6)
    .height(4)
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .thresholds(new grafana.ThresholdsConfigBuilder().mode(grafana.ThresholdsMode.Absolute).steps(steps))
}

// Lines over time.
export const lines = (title, description, unit, queries) =>
  panel(new timeseries.PanelBuilder(), title, description, unit, queries, 'range')
    .span(8)
    .height(8)
    .min(0)
    .fillOpacity(10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )

// `rows` are pairs of a title and the panels below it, which stand side by side as far as there is room.
export const dashboard = (uid, title, description, variables, rows) => {
  const builder = new grafana.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .link(
      new grafana.DashboardLinkBuilder(TAG)
        .type(grafana.DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true),
    )
    .variables([
      new grafana.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
      ...variables,
    ])
  for (const [heading, panels] of rows) {
    builder.withRow(new grafana.RowBuilder(heading))
    for (const each of panels) builder.withPanel(each)
  }
  const built = builder.build()
  return { ...built, panels: built.panels.map((each, index) => ({ ...each, id: index + 1 })) }
}
