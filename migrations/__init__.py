"""Numbered and named steps of the ledger's schema. Run by `clb-broker migrate`."""
