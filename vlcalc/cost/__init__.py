"""What a module costs, counted on the meta device: parameters, FLOPs, peak activation memory."""
