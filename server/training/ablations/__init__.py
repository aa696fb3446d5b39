"""What each part of TransPixar's recipe is worth, measured at the scale of the embedded model."""
