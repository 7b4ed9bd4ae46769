<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: BSD-2-Clause -->
<!-- One line out of JaCoCo's XML report. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="text" encoding="UTF-8" />

  <xsl:template match="/report">
    <xsl:text>core coverage: lines </xsl:text>
    <xsl:apply-templates select="." mode="percent">
      <xsl:with-param name="type">LINE</xsl:with-param>
    </xsl:apply-templates>
    <xsl:text>, branches </xsl:text>
    <xsl:apply-templates select="." mode="percent">
      <xsl:with-param name="type">BRANCH</xsl:with-param>
    </xsl:apply-templates>
  </xsl:template>

  <xsl:template match="/report" mode="percent">
    <xsl:param name="type" />
    <xsl:variable name="covered" select="sum(counter[@type = $type]/@covered)" />
    <xsl:variable name="all" select="$covered + sum(counter[@type = $type]/@missed)" />
    <xsl:choose>
      <xsl:when test="$all = 0">none</xsl:when>
      <xsl:otherwise>
        <xsl:value-of select="format-number(100 * $covered div $all, '0.0')" />
        <xsl:text> %</xsl:text>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
