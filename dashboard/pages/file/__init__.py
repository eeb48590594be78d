"""The page of an uploaded file of battles."""
