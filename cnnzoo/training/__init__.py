"""Training: recipes, batches, augmentation, callbacks and evaluation."""
