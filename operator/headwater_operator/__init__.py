"""The operator: watches workloads of a Kubernetes cluster and reports their runs, with no change to any of them."""
