"""What surrounds the fusion: language models in closed form. torch stays out."""
