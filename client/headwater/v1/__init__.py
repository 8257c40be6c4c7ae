"""The contract as Python: generated from `proto/headwater/v1` by `make proto`, never edited."""
