"""What one member keeps: power cuts, kills, a full disk, damage."""
