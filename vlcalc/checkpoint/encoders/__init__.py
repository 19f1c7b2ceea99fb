"""Vision encoders by `model_type`. One file a group of types that are built alike."""
