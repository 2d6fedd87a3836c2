"""What the paper model is worth: live orders beside what paper matching would have done."""
