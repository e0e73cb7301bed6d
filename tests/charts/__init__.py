"""The charts, as Helm's own engine renders them."""
