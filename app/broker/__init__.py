"""Use cases: one verb per file, one transaction each. Knows the ledger, never the cloud and never HTTP."""
