"""Keep Customer.io like a frame: compare with what was delivered before, and send only what changed."""
