"""What a campaign changed: experiments, funnels, attribution and reports."""
