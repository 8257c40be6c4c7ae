"""The gRPC servicers: convert, call a use case, convert. They decide nothing."""
