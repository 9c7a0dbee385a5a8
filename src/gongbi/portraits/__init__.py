"""What is drawn from tags for people: grades with their care, personas, yearbooks."""
