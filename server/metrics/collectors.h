#ifndef AUTHSTATE_SERVER_METRICS_COLLECTORS_H_
#define AUTHSTATE_SERVER_METRICS_COLLECTORS_H_

#include "server/metrics/metric_families.h"
#include "server/metrics/observed.h"

// Each reads a part of the server. All sets of labels are there from the start, as `increase` of Prometheus misses the
// first increment of a series that was not. No label holds anything of a session.
namespace authstate::server {

// Calls, operations of pipes, who was refused.
void CollectCalls(const Observed& server, MetricFamilies* families);
// Databases, maintenance, leases, sessions and files.
void CollectStores(const Observed& server, MetricFamilies* families);
// How far the database is behind the file; all 0 without write-behind.
void CollectWriteBehind(const Observed& server, MetricFamilies* families);
// What the files of --backup-metrics have of the last backup, read anew; nothing where none is named.
void CollectBackups(const Observed& server, MetricFamilies* families);
// The process, and what it was set up with: certificate, audit log, keyring.
void CollectProcess(const Observed& server, MetricFamilies* families);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_COLLECTORS_H_
