-- The media plan has weeks, not days; it has impressions of one medium and clicks of another, and its revenue is all
-- of the company's, attributed to no medium. A rate made of these would be none.
{{ not_supplied() }}
